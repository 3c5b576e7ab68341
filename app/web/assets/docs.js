// Nothing of it leaves this service: no validator of others, no address out of the query string.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  persistAuthorization: false,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
