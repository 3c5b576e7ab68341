"""The description of the service at ``/swagger.json``."""

import json
from pathlib import Path
from typing import Any


def swagger(root: Path, script: str) -> dict[str, Any]:
    """The team's own swagger.json next to its code, or a description of what any score script takes."""
    own = root / "swagger.json"
    if own.is_file():
        described: dict[str, Any] = json.loads(own.read_text())
        return described
    body = {"type": "object", "example": {}}
    answer = {"200": {"description": "The output of run()", "schema": {"$ref": "#/definitions/ServiceOutput"}}}
    return {
        "swagger": "2.0",
        "info": {"title": "ML service", "description": f"API specification for {script}", "version": "1.0"},
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}},
        "paths": {
            "/": {"get": {"operationId": "ServiceHealthCheck", "responses": {"200": {"description": "Healthy"}}}},
            "/score": {
                "post": {
                    "operationId": "RunMLService",
                    "security": [{"Bearer": []}],
                    "parameters": [
                        {"name": "serviceInputPayload", "in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}
                    ],
                    "responses": answer,
                }
            },
        },
        "definitions": {"ServiceInput": body, "ServiceOutput": body},
    }
