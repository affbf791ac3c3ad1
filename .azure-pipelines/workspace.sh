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

# What the service is told: a value for later stages, a warning, and that a step did what it could.
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    output() { echo "$1=$2" >>"$GITHUB_OUTPUT"; }
    warning() { echo "::warning::$1"; }
    partly() { warning "$1"; }
else
    output() { echo "##vso[task.setvariable variable=$1;isOutput=true]$2"; }
    warning() { echo "##vso[task.logissue type=warning]$1"; }
    partly() { echo "##vso[task.complete result=SucceededWithIssues]$1"; }
fi

# One field of the request in a file that `homologate request --json` wrote.
request_in() { python -c 'import json, sys; print(json.load(open(sys.argv[1]))["request"][sys.argv[2]])' "$1" "${2:-id}"; }

# The request for a version to go to a stage, as JSON: the one that waits (a retraining's, an earlier attempt's), else a new one.
ask() {
    waiting=$(homologate request "$MODEL" --list --json | python -c 'import json, sys
asked = [one["id"] for one in json.load(sys.stdin)["requests"] if one["open"] and [one["version"], one["stage"]] == sys.argv[1:]]
print(*asked[:1])' "$1" "$2")
    if [ -n "$waiting" ]; then
        homologate request --show "$waiting" --json
    else
        homologate request "$MODEL" "$1" --to "$2" --json \
            --reason "release $BUILD_BUILDNUMBER, commit $BUILD_SOURCEVERSION"
    fi
}

# The web app: files of `build` say "COMMIT IMAGE"; a release marks what it puts into the slot beside the one that answers.
web() { az webapp "$@" --name "$WEBAPP" --resource-group "$AZURE_RESOURCE_GROUP" --output tsv; }
web_image() { web config show --query linuxFxVersion; }
web_mark() { web config appsettings list --query "[?name=='HOMOLOGATE_RELEASE'].value"; }

# Return once a site answers as the image of a commit and reaches the model behind it.
web_answers() {
    begun=$SECONDS
    until [ "$(curl --silent --max-time 10 "https://$1.azurewebsites.net/health" | python -c 'import json, sys
told = json.load(sys.stdin)
print(told["status"], told["server"], told["commit"])' 2>/dev/null)" = "ready answers $2" ]; do
        if [ $((SECONDS - begun)) -ge "$WEB_PATIENCE" ]; then
            echo "https://$1.azurewebsites.net/health does not answer as the image of commit $2" >&2
            return 1
        fi
        sleep 2
    done
}

# The image of a file into the slot, and asked there.
web_beside() {
    read -r commit image <"$1"
    if [ "$(web_image)" = "DOCKER|$image" ]; then
        echo "the web app runs $image already"
        return
    fi
    web config appsettings set --slot staging --settings "HOMOLOGATE_RELEASE=$BUILD_BUILDID" >/dev/null
    web config container set --slot staging --container-image-name "$image" >/dev/null
    web_answers "$WEBAPP-staging" "$commit"
}

# The slots swapped, and the web app asked at the door people use.
web_swap() {
    read -r commit image <"$1"
    [ "$(web_image)" = "DOCKER|$image" ] || web deployment slot swap --slot staging --target-slot production
    web_answers "$WEBAPP" "$commit"
}

# The slots swapped back, where this release swapped them.
web_back() {
    if [ "$(web_mark)" = "$BUILD_BUILDID" ]; then
        web deployment slot swap --slot staging --target-slot production && echo "the web app runs $(web_image) again"
    fi
}

# Web app, registry and endpoint back to what stood before the request of a file: the last two, if its version is what the
# ledger has in Production. What one cannot keeps the others from nothing.
go_back() {
    web_gone=0
    web_back || web_gone=$?
    standing=$(homologate history "$MODEL" --at "$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" --json |
        python -c 'import json, sys; print((json.load(sys.stdin)["stages"]["Production"] or {}).get("version"))')
    if [ "$standing" = "$(request_in "$1" version)" ]; then
        homologate rollback "$MODEL" --reason "what answered after the move did not hold (release $BUILD_BUILDNUMBER)"
        homologate deploy azure "models:/$MODEL/Production" --endpoint "$ENDPOINT" --mirror 0 --shares 100 --settle 0
    else
        echo "nothing to take back: the ledger has version $standing in Production"
    fi
    homologate audit drift
    return "$web_gone"
}
