# One image for the web server, the workers, and (manage.py up) everything at once.
FROM python:3.11-slim

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY . .

RUN useradd --uid 1000 --no-create-home --home-dir /data embedder && install -d -o embedder -m 700 /data
USER embedder
ENV VAR_DIR=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 9002

CMD ["python", "-m", "gunicorn", "embedder_site.wsgi:application", "--bind", "0.0.0.0:9002", \
     "--worker-class", "gthread", "--threads", "8", "--no-control-socket", "--access-logfile", "-"]
