# One image for every process of the service: the API (default), the worker, the migration and, for trying things out, the emulator.
#   docker build -t mlrelease .
#   docker run mlrelease                                  the API
#   docker run mlrelease mlrelease worker                 a worker
#   docker run mlrelease mlrelease migrate                bring the database up to date
#   docker run mlrelease azureml-emulator serve …         Azure ML on localhost
FROM python:3.12-slim AS build
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
COPY emulator emulator
COPY training training
COPY migrations migrations
RUN uv pip install --no-deps .

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 mlrelease && install -d -o mlrelease /data
COPY --from=build /opt/mlrelease /opt/mlrelease
ENV PATH=/opt/mlrelease/bin:$PATH PYTHONUNBUFFERED=1 MLRELEASE_DATA=/data MLRELEASE_LOG_FORMAT=json
USER mlrelease
WORKDIR /data
VOLUME /data
EXPOSE 8400
# Inside a container loopback reaches nobody: MLRELEASE_HOST says where to listen, docs/security.md who may call.
CMD ["mlrelease", "serve"]
