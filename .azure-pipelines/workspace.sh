# Sourced by every step that speaks to the workspace: its addresses, read from Azure and not kept anywhere.
export PATH="$PWD/.venv/bin:$PATH"
AZURE_SUBSCRIPTION_ID=$(az account show --query id --output tsv)
MLFLOW_TRACKING_URI=$(az ml workspace show --name "$AZUREML_WORKSPACE_NAME" --resource-group "$AZURE_RESOURCE_GROUP" \
    --query mlflow_tracking_uri --output tsv)
MLFLOW_TRACKING_URI=${MLFLOW_TRACKING_URI/\/mlflow\/v1.0\//\/mlflow\/v2.0\/}
export AZURE_SUBSCRIPTION_ID MLFLOW_TRACKING_URI AZURE_TOKEN_CREDENTIALS=AzureCliCredential
# The ledger (promotion.ledger in homologate.yaml) is a PostgreSQL that believes tokens of Entra ID.
PGPASSWORD=$(az account get-access-token --resource-type oss-rdbms --query accessToken --output tsv)
export PGPASSWORD
request_in() { python -c 'import json, sys; print(json.load(open(sys.argv[1]))["request"]["id"])' "$1"; }
