# One image for the web server, the workers, and (manage.py up) everything at once.
FROM python:3.11-slim

WORKDIR /app
COPY requirements.txt requirements-no-deps.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt && \
    pip install --no-cache-dir --disable-pip-version-check --no-deps --use-pep517 -r requirements-no-deps.txt
COPY . .

RUN useradd --uid 1000 --no-create-home --home-dir /data embedder && install -d -o embedder -m 700 /data /checkpoints /backups
USER embedder
ENV VAR_DIR=/data HF_HOME=/checkpoints BACKUP_DIR=/backups PYTHONUNBUFFERED=1
VOLUME /data /checkpoints /backups
EXPOSE 9002

CMD ["python", "-m", "gunicorn", "embedder_site.wsgi:application", "--bind", "0.0.0.0:9002", \
     "--worker-class", "gthread", "--threads", "8", "--no-control-socket", "--access-logfile", "-"]
