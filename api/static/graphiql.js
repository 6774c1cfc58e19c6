// Starts GraphiQL with the example queries as tabs, and with ?query=… in front of them.
"use strict";

const examples = JSON.parse(document.getElementById("examples").textContent);
const asked = new URLSearchParams(location.search);

async function fetcher(parameters, options) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: {
      ...(options && options.headers),
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json, application/json",
    },
    body: JSON.stringify(parameters),
  });
  return response.json();
}

const tabs = examples.map(({ query, variables }) => ({ query, variables }));
if (asked.get("query")) {
  tabs.unshift({ query: asked.get("query"), variables: asked.get("variables") || "" });
}
const settings = { fetcher, defaultTabs: tabs, defaultEditorToolsVisibility: "variables", shouldPersistHeaders: false };
if (asked.get("query")) {
  settings.query = asked.get("query");
  settings.variables = asked.get("variables") || undefined;
}
ReactDOM.createRoot(document.getElementById("graphiql")).render(React.createElement(GraphiQL, settings));
