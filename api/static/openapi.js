// The page of all addresses: Swagger UI over this server's own document.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#openapi",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  syntaxHighlight: false,
  validatorUrl: null,
});
