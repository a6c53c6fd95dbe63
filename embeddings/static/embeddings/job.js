"use strict";
// Keeps a job's page current; when the job changes its state, one reload shows what may be done now.
(() => {
  const EVERY_MS = 1000, CHARTS_EVERY_MS = 15000;
  const page = document.getElementById("job");
  const field = (name) => page.querySelector(`[data-field="${name}"]`);
  const put = (name, text) => { field(name).textContent = text; };

  const duration = (seconds) => {
    if (seconds === null) return "–";
    const whole = Math.round(seconds), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    if (hours) return `${hours} h ${minutes} min`;
    return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
  };
  // Of a slice: short ones are told from each other by their tenths.
  const brief = (seconds) => seconds < 100 ? `${seconds.toFixed(seconds < 10 ? 1 : 0)} s` : duration(seconds);

  const line = ({ name: worker, sentence }) => {
    const row = document.createElement("li"), name = document.createElement("b");
    name.textContent = worker;
    row.append(name, ` ${sentence}`);
    return row;
  };

  const show = (job) => {
    const { progress } = job, { operations, tracks } = progress;
    // Cancelled ones were not worked on: a cancelled job must not look finished.
    const worked = (tally) => tally.done + tally.failed;
    const bar = page.querySelector("progress");
    bar.max = operations.total || 1;
    bar.value = worked(operations);
    field("state").className = `state state-${job.state}`;
    put("state", job.state.replaceAll("_", " "));
    put("percent", `${progress.percent.toFixed(1)} %`);
    put("message", job.message);
    for (const name of ["done", "failed", "pending", "running", "cancelled"]) put(name, operations[name]);
    put("skipped", progress.skipped);
    put("tracks", `${worked(tracks)} of ${tracks.total}`);
    put("rate", progress.operationsPerHour ? `${Math.round(progress.operationsPerHour).toLocaleString()}/h` : "–");
    put("eta", duration(progress.etaSeconds));
    put("elapsed", duration(progress.elapsedSeconds));
    put("audio", duration(progress.audioSeconds));
    const named = (name, value) => { put(name, value ?? ""); field(name).parentElement.hidden = !value; };
    put("currentModel", progress.currentModel ?? "");
    named("currentTrack", progress.currentTrack);
    named("lastTrack", progress.lastTrack);
    named("waitingRetries", progress.waitingRetries);
    put("retryAt", progress.retryAt ? `Tries again by itself at ${new Date(progress.retryAt).toISOString().slice(11, 19)} UTC.` : "");
    put("stalled", progress.stalled ?? "");
    put("slices", progress.slices);
    const { sliceSecondsMedian: median, sliceSecondsP95: p95 } = progress;
    put("sliceSeconds", median === null ? "–" : `${brief(median)} (${brief(p95)})`);
    put("memory", progress.memoryMb === null ? "–" : `${Math.round(progress.memoryMb).toLocaleString()} MB`);
    field("workers").replaceChildren(...progress.workers.map(line));
  };

  const look = async () => {
    let job;
    try {
      const answer = await fetch(page.dataset.job, { headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      job = await answer.json();
    } catch (error) {
      put("message", `Not up to date: ${error.message}.`);
      setTimeout(look, 5 * EVERY_MS);
      return;
    }
    const before = page.dataset.state;
    page.dataset.state = job.state;
    show(job);
    const active = ["planning", "running", "waiting", "paused", "cancelling"].includes(job.state);
    if (before !== job.state || (!active && page.dataset.active === "true")) location.reload();
    else if (active) setTimeout(look, EVERY_MS);
  };

  const draw = async () => {
    const charts = document.getElementById("charts");
    // Whoever reads a table is not interrupted.
    if (!charts.querySelector("details[open]")) {
      try {
        const answer = await fetch(page.dataset.charts, { credentials: "same-origin" });
        // Our own template's markup; what comes from outside is escaped in it.
        if (answer.ok && !answer.redirected) charts.innerHTML = await answer.text();
      } catch {
        // The numbers above say that the server does not answer.
      }
    }
    setTimeout(draw, CHARTS_EVERY_MS);
  };

  look();
  if (page.dataset.active === "true") setTimeout(draw, CHARTS_EVERY_MS);
})();
