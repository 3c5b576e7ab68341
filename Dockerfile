# One image for every process of the service: the API (default), the worker and the migration.
#   docker build -t mlrelease .
#   docker run mlrelease                                  the API
#   docker run mlrelease mlrelease worker                 a worker
#   docker run mlrelease mlrelease migrate                bring the database up to date
# And one for trying things out, which has the emulator and what training jobs and score code need in it as well:
#   docker build -t mlrelease:local --target local .
#   docker run mlrelease:local azureml-emulator serve …   Azure ML on localhost
#
# The base image by digest, of the multi-platform index: what was built and tested once is built again. For a newer one:
#   docker buildx imagetools inspect python:3.12-slim --format '{{.Manifest.Digest}}'
FROM python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea AS python

FROM python AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir "uv>=0.9,<1"
WORKDIR /build
RUN uv venv /opt/mlrelease
ENV VIRTUAL_ENV=/opt/mlrelease
# Dependencies change less often than code: they make a layer of their own.
COPY requirements.lock ./
RUN uv pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY migrations migrations
RUN uv pip install --no-deps .
# The package declares it; what it would start is not here.
RUN rm /opt/mlrelease/bin/azureml-emulator

FROM build AS build-local
COPY requirements-local.lock ./
RUN uv pip install --require-hashes -r requirements-local.lock
COPY emulator emulator
COPY training training
RUN uv pip install --no-deps --reinstall-package mlrelease .

FROM python AS run
RUN useradd --create-home --uid 10001 mlrelease && install -d -m 0700 -o mlrelease /data /azure
ENV PATH=/opt/mlrelease/bin:$PATH PYTHONUNBUFFERED=1 MLRELEASE_DATA=/data MLRELEASE_LOG_FORMAT=json
USER mlrelease
WORKDIR /data
VOLUME /data
EXPOSE 8400
# Inside a container loopback reaches nobody: MLRELEASE_HOST says where to listen, docs/security.md who may call.
CMD ["mlrelease", "serve"]
# Of the API; workers, which listen nowhere, have another one in docker-compose.yml.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "-c", "import os, urllib.request as ask; ask.build_opener(ask.ProxyHandler({})).open('http://127.0.0.1:' + os.environ.get('MLRELEASE_PORT', '8400') + '/health/ready', timeout=4)"]

FROM run AS local
COPY --from=build-local /opt/mlrelease /opt/mlrelease

# The last one is built by default.
FROM run AS production
COPY --from=build /opt/mlrelease /opt/mlrelease
