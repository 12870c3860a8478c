"""The API does what its description says, whatever it is sent: schemathesis makes the requests."""

import warnings

import pytest
from hypothesis import HealthCheck, given, settings

from streamcam.control.values import Takes, values

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries below it
    import schemathesis
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()

OPERATIONS = [
    ("GET", "/openapi.json"),
    ("GET", "/api/stats"),
    ("GET", "/api/state"),
    ("GET", "/api/previews"),
    ("GET", "/api/devices"),
    ("GET", "/api/instance"),
    ("GET", "/api/values"),
    ("GET", "/api/control"),
    ("PATCH", "/api/values"),
    ("POST", "/api/look"),
    ("POST", "/api/looks"),
    ("POST", "/api/preset"),
    ("POST", "/api/source"),
    ("POST", "/api/curtain"),
    ("POST", "/api/plate"),
    ("POST", "/api/save"),
    ("POST", "/api/undo"),
    ("POST", "/api/redo"),
    ("POST", "/api/tap"),
    ("POST", "/api/midi/learn"),
    ("POST", "/api/midi/forget"),
]
WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of libraries below it
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_described(web, http, method, path):
    described = schemathesis.openapi.from_dict(http.get("/openapi.json").json)
    checks = CHECKS.get_by_names(WANTED)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(described[path][method].as_strategy())
    def ask(case):
        case.call_and_validate(
            base_url=f"http://127.0.0.1:{web.port}",
            headers={"X-Streamcam-Token": http.token},
            checks=checks,
        )

    ask()


def test_it_describes_every_value_that_can_be_played(http):
    described = http.get("/openapi.json").json
    changes = described["components"]["schemas"]["Changes"]
    playable = {key for key, one in values().items() if one.takes is Takes.FRAME}
    assert changes["properties"].keys() == playable
    assert changes["properties"]["strength"]["exclusiveMinimum"] == 0
    assert changes["additionalProperties"] is False
    patch = described["paths"]["/api/values"]["patch"]
    assert patch["security"] == [{"Token": []}]
    assert "422" in patch["responses"]
    found = {(m.upper(), path) for path, one in described["paths"].items() for m in one}
    assert found == set(OPERATIONS)
