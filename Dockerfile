# The service and nothing else: installed from this checkout, run by a user who owns one folder.

FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/orchestrator
COPY pyproject.toml requirements.txt README.md LICENSE ./
COPY orchestrator orchestrator
COPY migrations migrations
# requirements.txt says which versions; what is installed is only what the service itself asks for.
RUN /opt/orchestrator/bin/pip install --no-cache-dir --constraint requirements.txt .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /srv/orchestrator orchestrator \
    && install --directory --owner orchestrator /srv/orchestrator/data
COPY --from=build /opt/orchestrator /opt/orchestrator
ENV PATH=/opt/orchestrator/bin:$PATH \
    ORCHESTRATOR_HOST=0.0.0.0 \
    ORCHESTRATOR_LOG_FORMAT=json
USER orchestrator
WORKDIR /srv/orchestrator
VOLUME /srv/orchestrator/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["orchestrator"]
CMD ["serve"]
