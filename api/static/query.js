// The plain query form, where GraphiQL has not been fetched.
"use strict";

const find = (id) => document.getElementById(id);
const examples = JSON.parse(find("examples").textContent);
const asked = new URLSearchParams(location.search);

function show(query, variables) {
  find("query").value = query;
  find("variables").value = variables || "";
}

function say(text) {
  find("status").textContent = text;
}

async function run(event) {
  event.preventDefault();
  let variables = null;
  try {
    variables = JSON.parse(find("variables").value.trim() || "null");
  } catch (error) {
    say(`The variables are not JSON: ${error.message}`);
    find("variables").focus();
    return;
  }
  const button = document.querySelector("button");
  button.disabled = true;
  say("Asking …");
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json",
        ...(find("key").value && { Authorization: `Bearer ${find("key").value}` }),
      },
      body: JSON.stringify({ query: find("query").value, variables }),
    });
    const answer = await response.json();
    find("result").textContent = JSON.stringify(answer, null, 2);
    say(answer.errors ? `Refused or incomplete: ${answer.errors[0].message}` : "Answered.");
  } catch (error) {
    say(`No answer: ${error.message}`);
  } finally {
    button.disabled = false;
  }
}

examples.forEach(({ title }, index) => find("example").add(new Option(title, String(index))));
find("example").addEventListener("change", (event) => {
  const { query, variables } = examples[Number(event.target.value)];
  show(query, variables);
});
find("form").addEventListener("submit", run);
if (asked.get("query")) {
  show(asked.get("query"), asked.get("variables"));
} else {
  show(examples[0].query, examples[0].variables);
}
