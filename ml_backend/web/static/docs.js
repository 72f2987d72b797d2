"use strict";

const place = document.getElementById("docs");
const token = place.dataset.csrf;

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (token) request.headers["X-CSRF-Token"] = token; // of who is logged in, so that routes can be tried
    return request;
  },
});
