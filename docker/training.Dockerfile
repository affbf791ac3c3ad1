# The steps of the lifecycle: the whole lock, torch first and alone, as a user without rights.
#   docker build --file docker/training.Dockerfile --tag homologate-training .
#   docker run --env MLFLOW_TRACKING_URI homologate-training main --preset quick
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/torch.txt requirements/bootstrap.txt requirements/lock.txt requirements/
RUN python -m venv /opt/homologate
RUN /opt/homologate/bin/pip install --no-cache-dir --requirement requirements/torch.txt
RUN /opt/homologate/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements/bootstrap.txt
RUN /opt/homologate/bin/uv pip install --no-cache --python /opt/homologate/bin/python --no-deps --require-hashes --requirement requirements/lock.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY registry_promotion registry_promotion
COPY serve serve
RUN /opt/homologate/bin/uv pip install --no-cache --python /opt/homologate/bin/python --no-deps .
RUN /opt/homologate/bin/pip uninstall --yes uv
ARG COMMIT=unknown
COPY docker/sbom.py docker/
RUN /opt/homologate/bin/python docker/sbom.py homologate-training "${COMMIT}" >/opt/homologate/sbom.cdx.json

FROM python:3.11-slim
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="homologate-training" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.cyclonedx.sbom="/opt/homologate/sbom.cdx.json" \
      org.opencontainers.image.description="From rows to a registered version with its evidence"
RUN useradd --system --uid 10001 --create-home homologate
COPY --from=build /opt/homologate /opt/homologate
USER 10001
WORKDIR /home/homologate
ENV PATH=/opt/homologate/bin:$PATH HF_HUB_OFFLINE=1 DO_NOT_TRACK=1
HEALTHCHECK NONE
ENTRYPOINT ["homologate"]
CMD ["--help"]
