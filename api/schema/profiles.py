"""The questionnaire, and the profile that answers make."""

import datetime as dt

import strawberry
from strawberry import field

from api.context import Info
from api.schema.assessments import FrameworkArgument, Profile
from api.schema.connections import DEFAULT_PAGE, After, Connection, First, connect
from api.schema.enums import QuestionKind, QuestionScope
from api.schema.frameworks import Disclaimer
from api.schema.inputs import MAX_SYSTEMS, TooMuchError
from api.schema.lenses import Decision, Lens, Standing
from api.schema.lookup import check_length, framework_name
from api.schema.nodes import computed, mirror
from kg import answers
from kg import model as m
from kg.organizations import profile_toml
from kg.release import Release

__all__ = ["AnswerInput", "ProfileFromAnswers", "Questionnaire", "profile_from_answers", "questionnaire"]

#: The longest title, name of a system or value of an answer.
MAX_TEXT = 200
#: The most values of one answer.
MAX_VALUES = 50


@strawberry.type(description="One answer that may be chosen.")
class QuestionOption:
    name: str = field(description="Its name, for `values` of an answer.")
    title: str = field(description="What it says, for a person who is no lawyer.")
    note: str = field(description="What to mind; empty where nothing.")
    sets: list[str] = field(
        description="What choosing it says of the profile: `role:`, `tier:`, `fact:` or `jurisdiction:` and a word; "
        "`?` leaves open. What the question's other options would set is denied.",
        metadata={"size": 3},
    )


@strawberry.type(description="One question of the questionnaire. `unknown` answers each of them and sets nothing.")
class Question:
    name: str = field(description="Its name, for `question` of an answer.")
    text: str = field(description="What is asked.")
    help: str = field(description="What helps to answer.")
    kind: QuestionKind = field(description="How it is answered.")
    scope: QuestionScope = field(description="Of what it is asked.")
    asked_if: list[str] = field(
        description="Conditions that must all hold, `question=option` or `question!=option`; only an answer denies "
        "one.",
        metadata={"size": 2},
    )
    legal_references: list[str] = field(description="The provisions it is about, as cited.", metadata={"size": 5})
    options: list[QuestionOption] = field(description="Its options; empty for a date.", metadata={"size": 8})

    @classmethod
    def of(cls, release: Release, it: m.Question) -> "Question":
        """The schema's view of a question."""
        return mirror(
            cls,
            it,
            kind=QuestionKind(it.kind),
            scope=QuestionScope(it.scope),
            asked_if=list(it.asked_if),
            legal_references=[release.cite(p) for p in it.defined_by],
            options=[mirror(QuestionOption, o, sets=list(o.sets)) for o in release.options(it.name)],
        )


@strawberry.type(description="At most twelve questions whose answers make a profile.")
class Questionnaire:
    release: str = field(description="The digest of the release whose questions these are.")
    questions: list[Question] = field(description="The questions, in the order of asking.", metadata={"size": 12})
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with it.", metadata={"size": 6})


def questionnaire(release: Release) -> Questionnaire:
    """The questionnaire of a release."""
    found = answers.questionnaire(release)
    return Questionnaire(
        release=found.release,
        questions=[Question.of(release, q) for q in found.questions],
        disclaimers=[mirror(Disclaimer, d) for d in found.disclaimers],
    )


@strawberry.input(description="The answer to one question.")
class AnswerInput:
    question: str = field(description="The question's name: see `questionnaire { questions { name } }`.")
    values: list[str] = field(description="Names of options, one day, or `unknown`.")
    system: str | None = field(
        description="The AI system it is answered for, where the question is about a system and there are several.",
        default=None,
    )


@strawberry.type(description="One framework's requirements before and after an answer.")
class Tally:
    framework: str = field(description="The framework's short id.")
    title: str = field(description="Its short title.")
    before: Standing = field(description="Before the answer.")
    after: Standing = field(description="After it.")

    @classmethod
    def of(cls, it: answers.Tally) -> "Tally":
        """The schema's view of a tally."""
        return mirror(cls, it, before=mirror(Standing, it.before), after=mirror(Standing, it.after))


@strawberry.type(description="One requirement whose applicability or date an answer changed.")
class Move:
    curie: str = field(description="The requirement's CURIE.")
    ref: str = field(description="Its official reference.")
    title: str = field(description="Its official heading.")
    framework: str = field(description="The short id of its framework.")
    before: Decision = field(description="What held before the answer.")
    after: Decision = field(description="What holds after it, with the rule and legal reference that decide it now.")

    @classmethod
    def of(cls, it: answers.Move) -> "Move":
        """The schema's view of a move."""
        p = it.requirement
        return cls(
            curie=p.id,
            ref=p.ref,
            title=p.title,
            framework=p.framework,
            before=Decision.of(it.before),
            after=Decision.of(it.after),
        )


@strawberry.type(description="What one answer did, after the answers before it.")
class Consequence:
    question: str = field(description="The question's name.")
    text: str = field(description="What was asked.")
    system: str = field(description="The AI system it was answered for; empty for the organisation.")
    values: list[str] = field(description="What was answered.", metadata={"size": 3})
    said: list[str] = field(description="The same in words.", metadata={"size": 3})
    legal_references: list[str] = field(description="The provisions the question is about.", metadata={"size": 5})
    tallies: list[Tally] = field(description="Each framework, counted before and after.", metadata={"size": 4})
    it: strawberry.Private[answers.Consequence]

    @classmethod
    def of(cls, it: answers.Consequence) -> "Consequence":
        """The schema's view of a consequence."""
        return cls(
            question=it.question.name,
            text=it.question.text,
            system=it.system,
            values=list(it.values),
            said=list(it.said),
            legal_references=list(it.references),
            tallies=[Tally.of(t) for t in it.tallies],
            it=it,
        )

    @computed("Every requirement that the answer moved, in reading order.")
    def moves(self, info: Info, first: First = DEFAULT_PAGE, after: After = None) -> Connection[Move]:
        name = f"moves of {self.question} {self.system}"
        return connect(info, name, self.it.moves, lambda x: x.requirement.id, Move.of, first, after)


@strawberry.type(description="A question that is still to be asked.")
class OpenQuestion:
    question: str = field(description="The question's name.")
    system: str = field(description="The AI system it is to be asked for; empty for the organisation.")


@strawberry.type(description="The profile that answers make, and what each answer did.")
class ProfileFromAnswers:
    profile: Profile = field(description="The profile, as `assessment` understands it.")
    toml: str = field(description="The same as a file for `kg`.")
    as_of: dt.date = field(description="The day the consequences are told for.")
    release: str = field(description="The digest of the release that answered.")
    consequences: list[Consequence] = field(
        description="One for each answer, in the order of asking.", metadata={"size": 12}
    )
    total: list[Tally] = field(description="From nothing known to the whole profile.", metadata={"size": 4})
    open_questions: list[OpenQuestion] = field(
        description="What is still to be asked; until then it is taken to apply.", metadata={"size": 12}
    )
    method: str = field(description="How it was decided, in a sentence.")
    disclaimers: list[Disclaimer] = field(description="The cautions that travel with it.", metadata={"size": 6})
    it: strawberry.Private[answers.ProfileDraft]

    @computed("A framework through this profile: what applies, and which rule decided it.", cost=50)
    def lens(self, info: Info, framework: FrameworkArgument) -> Lens:
        release = info.context.release
        name = framework_name(release, framework)
        key = ("lens", self.it.profile, name, self.as_of)
        return Lens.of(info.context.once(key, lambda: answers.lens(release, self.it.profile, name, self.as_of)))


def profile_from_answers(
    info: Info, given: list[AnswerInput], as_of: dt.date | None, title: str | None
) -> ProfileFromAnswers:
    """The profile of some answers; raises :class:`~kg.errors.KgError` for answers that are not understood."""
    release = info.context.release
    info.context.brought(given, title)
    systems = {a.system for a in given if a.system}
    most = len(release.questions) * MAX_SYSTEMS
    for what, count, limit in (("answers", len(given), most), ("systems", len(systems), MAX_SYSTEMS)):
        if count > limit:
            raise TooMuchError(f"{count} {what} are too many for one request", f"at most {limit}")
    if wide := next((a for a in given if len(a.values) > MAX_VALUES), None):
        raise TooMuchError(f"{len(wide.values)} values are too many for one answer", f"at most {MAX_VALUES}")
    for text in (title or "", *(t for a in given for t in (a.question, a.system or "", *a.values))):
        check_length("a text", text, MAX_TEXT)
    mine = tuple(answers.Answer(a.question, tuple(a.values), a.system or "") for a in given)
    key = ("profile from answers", mine, as_of, title)
    it = info.context.once(key, lambda: answers.answer(release, mine, as_of=as_of, title=(title or "").strip()))
    profile = Profile.of(it.profile)
    assert profile is not None
    return mirror(
        ProfileFromAnswers,
        it,
        it=it,
        profile=profile,
        toml=profile_toml(it.profile),
        consequences=[Consequence.of(c) for c in it.consequences],
        total=[Tally.of(t) for t in it.total],
        open_questions=[OpenQuestion(question=q.name, system=s) for s, q in it.open_questions],
        disclaimers=[mirror(Disclaimer, d) for d in it.disclaimers],
    )
