# `homologate web`: the technicians' pages, with the part of the lock they need, as a user without rights. No model inside.
#   docker build --file docker/web.Dockerfile --tag homologate-web .
#   docker run --publish 5200:5200 homologate-web web --host 0.0.0.0 --server https://scoring.example --https
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/bootstrap.txt requirements/web.txt requirements/
RUN python -m venv /opt/homologate
RUN /opt/homologate/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements/bootstrap.txt
RUN /opt/homologate/bin/uv pip install --no-cache --python /opt/homologate/bin/python --no-deps --require-hashes --requirement requirements/web.txt
# The settings of the project, where there are any.
COPY pyproject.toml README.md LICENSE homologate.yam[l] ./
COPY src src
COPY registry_promotion registry_promotion
COPY serve serve
RUN /opt/homologate/bin/uv pip install --no-cache --python /opt/homologate/bin/python --no-deps .
RUN /opt/homologate/bin/pip uninstall --yes uv
RUN touch homologate.yaml && cp homologate.yaml /opt/homologate/
ARG COMMIT=unknown
COPY docker/sbom.py docker/
RUN /opt/homologate/bin/python docker/sbom.py homologate-web "${COMMIT}" >/opt/homologate/sbom.cdx.json

FROM python:3.11-slim
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="homologate-web" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.cyclonedx.sbom="/opt/homologate/sbom.cdx.json" \
      org.opencontainers.image.description="The technicians' pages in front of a scoring server"
RUN useradd --system --uid 10001 --no-create-home homologate
COPY --from=build /opt/homologate /opt/homologate
USER 10001
WORKDIR /tmp
ENV PATH=/opt/homologate/bin:$PATH PYTHONDONTWRITEBYTECODE=1
ENV HOMOLOGATE_SETTINGS=/opt/homologate/homologate.yaml HOMOLOGATE_COMMIT=${COMMIT}
EXPOSE 5200
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5200/health', timeout=2)"]
ENTRYPOINT ["homologate"]
CMD ["web", "--help"]
