"""The Bicep files parse, refuse keys and public doors, log what happens, and give each persona one narrow role."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

INFRA = Path(__file__).resolve().parents[2] / "azure" / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
ROLES = {
    "f6c7c914-8db3-469d-8ca1-694a8f32e121": "AzureML Data Scientist",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "de139f84-1756-47ae-9be6-808fbbe84772": "Website Contributor",
}
# Roles of our own, and all that they allow.
SCORE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action"
BUILD = {
    "read", "listBuildSourceUploadUrl/action", "scheduleRun/action", "runs/read", "runs/listLogSasUrl/action",
    "pull/read",
}  # fmt: skip


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_bicep_and_declares_all_it_uses(file: Path) -> None:
    import tree_sitter_bicep
    from tree_sitter import Language, Parser

    tree = Parser(Language(tree_sitter_bicep.language())).parse(file.read_bytes())
    assert not tree.root_node.has_error
    text = file.read_text()
    declared = set(re.findall(r"^(?:param|var|resource|module) (\w+)|\[for (\w+) in", text, re.MULTILINE))
    declared = {name for found in declared for name in found if name}
    used = set(re.findall(r"\b(\w+)\.(?:id|name|outputs|properties)\b", text))
    assert used <= declared
    for name in re.findall(r"^param (\w+)", text, re.MULTILINE):
        assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{file.name}: parameter {name} is never used"


def test_each_module_is_given_exactly_the_parameters_it_declares() -> None:
    main = (INFRA / "main.bicep").read_text()
    for name, path, body in re.findall(r"module (\w+) '([^']+)' = (?:if \(\w+\) )?\{\n(.*?)\n\}", main, re.DOTALL):
        wanted = set(re.findall(r"^param (\w+)", (INFRA / path).read_text(), re.MULTILINE))
        given = set(re.findall(r"^    (\w+):", body, re.MULTILINE))
        assert given == wanted, name
        for module, output in re.findall(r"(\w+)\.outputs\.(\w+)", body):
            [source] = re.findall(rf"module {module} '([^']+)'", main)
            assert f"output {output} " in (INFRA / source).read_text()


def test_no_key_no_password_and_no_local_account_opens_anything() -> None:
    text = "".join(file.read_text() for file in FILES)
    for line in (
        "allowSharedKeyAccess: false", "allowBlobPublicAccess: false", "adminUserEnabled: false",
        "disableLocalAuth: true", "DisableLocalAuth: true", "enableRbacAuthorization: true",
        "systemDatastoresAuthMode: 'identity'", "minimumTlsVersion: 'TLS1_2'", "enablePurgeProtection: true",
        "requireInfrastructureEncryption: true", "remoteLoginPortPublicAccess: 'Disabled'",
    ):  # fmt: skip
        assert line in text
    assert not re.search(r"listKeys|@secure\(\)|password|connectionString", text, re.IGNORECASE)


def test_a_private_network_is_the_default_and_everything_is_logged() -> None:
    assert "param privateNetwork bool = true" in (INFRA / "main.bicep").read_text()
    text = "".join(file.read_text() for file in FILES)
    assert text.count("Microsoft.Insights/diagnosticSettings") == 4
    assert text.count("publicNetworkAccess: publicAccess") == 6


def test_what_shuts_its_public_door_has_a_private_one_and_the_pages_call_out_inside() -> None:
    main = (INFRA / "main.bicep").read_text()
    doors = re.findall(r"id: (\w+)\.outputs\.(\w+)\n        group: '(\w+)'", main)
    assert set(doors) == {
        ("workspace", "id", "amlworkspace"), ("stores", "storage", "blob"), ("stores", "storage", "file"),
        ("stores", "registry", "registry"), ("stores", "vault", "vault"), ("web", "id", "sites"),
    }  # fmt: skip
    assert main.count("zones: [\n          'privatelink.") == len(doors)
    assert main.count("= if (privateNetwork) {") == 2
    web = (INFRA / "modules" / "web.bicep").read_text()
    assert web.count("virtualNetworkSubnetId: empty(subnet) ? null : subnet") == 2


def test_each_persona_has_a_narrow_role_and_nobody_owns_anything() -> None:
    text = (INFRA / "modules" / "roles.bicep").read_text()
    named = dict(re.findall(r"(\w+): '([0-9a-f-]{36})'", text))
    assert set(named.values()) == ROLES.keys()
    given = re.findall(r"guid\((\w+)\.id, (\w+), (?:roles\.)?(\w+)(?:\.id)?\)", text)
    assert text.count("Microsoft.Authorization/roleAssignments@") == len(given)
    assert {(where, who, ROLES[named[role]] if role in named else role) for where, who, role in given} == {
        ("workspace", "dataScientists", "AzureML Data Scientist"),
        ("workspace", "reviewers", "Reader"),
        ("storage", "reviewers", "Storage Blob Data Reader"),
        ("workspace", "releasePipeline", "AzureML Data Scientist"),
        ("vault", "releasePipeline", "Key Vault Secrets User"),
        ("storage", "endpointIdentity", "Storage Blob Data Contributor"),
        ("registry", "endpointIdentity", "AcrPull"),
        ("registry", "releasePipeline", "imageBuilder"),
        ("site", "releasePipeline", "Website Contributor"),
        ("registry", "webIdentity", "AcrPull"),
        ("predictions", "webIdentity", "Storage Blob Data Contributor"),
        ("workspace", "webIdentity", "scorer"),
    }
    allowed = set(re.findall(r"^ +'(Microsoft\.[\w/]+/\w+)'$", text, re.MULTILINE))
    assert allowed == {SCORE, *(f"Microsoft.ContainerRegistry/registries/{one}" for one in BUILD)}


def test_the_pages_are_reached_by_people_who_signed_in_over_tls_alone_and_hold_no_secret() -> None:
    text = (INFRA / "modules" / "web.bicep").read_text()
    for line in ("httpsOnly: true", "clientAffinityEnabled: true", "siteConfig: shape", "properties: people"):
        assert text.count(line) == 2, f"{line}: of the site and of its slot"
    for line in (
        "ftpsState: 'Disabled'", "minTlsVersion: '1.2'", "scmMinTlsVersion: '1.2'", "remoteDebuggingEnabled: false",
        "requireAuthentication: true", "healthCheckPath: '/health'", "acrUseManagedIdentityCreds: true",
        "type: 'UserAssigned'", "requireHttps: true",
    ):  # fmt: skip
        assert line in text
    assert re.findall(r"excludedPaths: \[\s+([^\]]+?)\s+\]", text) == ["'/health'"]
    assert text.count("allow: false") == 2, "no password uploads anything, neither to the site nor to its slot"
    # The only name for a client secret is the one that means: none, the managed identity proves it.
    assert set(re.findall(r"(?i)\w*secret\w*: ('[^']*')", text)) == {"'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'"}


def test_the_pages_are_started_with_options_that_exist() -> None:
    import argparse

    from serve.verbs import web

    text = (INFRA / "modules" / "web.bicep").read_text()
    parser = argparse.ArgumentParser()
    web.arguments(parser)
    known = {option for action in parser._actions for option in action.option_strings}
    asked = set(re.findall(r"(--[a-z-]+) ", text))
    assert {"--server", "--token-header", "--oidc-issuer", "--oidc-audience", "--https"} <= asked <= known


def test_each_alert_runs_a_query_that_stands_there_and_every_query_is_told_of() -> None:
    text = (INFRA / "modules" / "alerts.bicep").read_text()
    named = re.findall(r"loadTextContent\('\.\./\.\./queries/([a-z-]+)\.kql'\)", text)
    assert named == re.findall(r"^    name: '([a-z-]+)'$", text, re.MULTILINE)
    queries = {file.stem for file in (INFRA.parent / "queries").glob("*.kql")}
    assert set(named) <= queries
    told = (INFRA.parents[1] / "docs" / "azure.md").read_text()
    assert all(f"{query}.kql" in told for query in queries)
