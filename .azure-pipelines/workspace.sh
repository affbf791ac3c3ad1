# Sourced by every step that speaks to the workspace: addresses, tokens and the signing key, from Azure and kept nowhere.
export PATH="$PWD/.venv/bin:$PATH"
AZURE_SUBSCRIPTION_ID=$(az account show --query id --output tsv)
MLFLOW_TRACKING_URI=$(az ml workspace show --name "$AZUREML_WORKSPACE_NAME" --resource-group "$AZURE_RESOURCE_GROUP" \
    --query mlflow_tracking_uri --output tsv)
MLFLOW_TRACKING_URI=${MLFLOW_TRACKING_URI/\/mlflow\/v1.0\//\/mlflow\/v2.0\/}
export AZURE_SUBSCRIPTION_ID MLFLOW_TRACKING_URI AZURE_TOKEN_CREDENTIALS=AzureCliCredential
# The ledger (promotion.ledger in homologate.yaml) is a PostgreSQL that believes tokens of Entra ID.
PGPASSWORD=$(az account get-access-token --resource-type oss-rdbms --query accessToken --output tsv)
# Each machine is new, so the key that signs is in the vault; which keys are believed is reviewed like code.
HOMOLOGATE_SIGNING_KEY=$(az keyvault secret show --vault-name "$VAULT" --name homologate-signing --query value --output tsv)
export PGPASSWORD HOMOLOGATE_SIGNING_KEY HOMOLOGATE_TRUSTED_KEYS="$PWD/.azure-pipelines/trusted-keys"

# One field of the request in a file that `homologate request --json` wrote.
request_in() { python -c 'import json, sys; print(json.load(open(sys.argv[1]))["request"][sys.argv[2]])' "$1" "${2:-id}"; }

# Registry and endpoint back to what stood before the request of a file, if its version is what the ledger has in Production.
go_back() {
    standing=$(homologate history "$MODEL" --at "$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" --json |
        python -c 'import json, sys; print((json.load(sys.stdin)["stages"]["Production"] or {}).get("version"))')
    if [ "$standing" = "$(request_in "$1" version)" ]; then
        homologate rollback "$MODEL" --reason "what answered after the move did not hold (${BUILD_BUILDNUMBER:-$GITHUB_RUN_ID})"
        homologate deploy azure "models:/$MODEL/Production" --endpoint "$ENDPOINT" --mirror 0 --shares 100 --settle 0
    else
        echo "nothing to take back: the ledger has version $standing in Production"
    fi
    homologate audit drift
}
