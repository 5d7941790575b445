"""What an OpenAPI file says of authorisation, which moto's import leaves out.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from __future__ import annotations

from typing import Any

import yaml
from moto.apigatewayv2.exceptions import BadRequestException

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


def read_security(api: Any, body_text: str) -> None:
    """Give an imported API's routes their authorisation, and its integrations their format."""
    body = yaml.safe_load(body_text)
    schemes = body.get("components", {}).get("securitySchemes", {})
    authorizers = {
        name: _make_authorizer(api, name, scheme["x-amazon-apigateway-authorizer"])
        for name, scheme in schemes.items()
        if "x-amazon-apigateway-authorizer" in scheme
    }
    routes = {route.route_key: route for route in api.routes.values()}
    for path, operations in body.get("paths", {}).items():
        for method, operation in operations.items():
            route = routes.get(f"{_method(method)} {path}")
            if route is None:
                continue
            route.route_key = f"{_method(method)} {path}"
            wanted = operation.get("security", body.get("security", []))
            for name, scopes in (pair for each in wanted for pair in each.items()):
                scheme = schemes.get(name, {})
                if name in authorizers:
                    route.authorization_type, route.authorizer_id = "JWT", authorizers[name]
                    route.authorization_scopes = scopes
                elif scheme.get("x-amazon-apigateway-authtype") == "awsSigv4":
                    route.authorization_type = "AWS_IAM"
                else:
                    raise BadRequestException(
                        f"Warnings found during import: security scheme {name} is not run"
                    )


def _method(name: str) -> str:
    return name.upper() if name in _METHODS else "ANY"


def _make_authorizer(api: Any, name: str, given: dict[str, Any]) -> str:
    if given.get("type") != "jwt":
        raise BadRequestException(
            f"The embedded cloud runs JWT authorizers, {name} is {given.get('type')}."
        )
    made = api.create_authorizer(
        auth_creds_arn=None,
        auth_payload_format_version=None,
        auth_result_ttl=None,
        authorizer_type="JWT",
        authorizer_uri=None,
        enable_simple_response=None,
        identity_source=given.get("identitySource", "$request.header.Authorization"),
        identity_validation_expr=None,
        jwt_config=given["jwtConfiguration"],
        name=name,
    )
    return str(made.id)
