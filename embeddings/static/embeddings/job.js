"use strict";
// Keeps a job's page current; when the job changes its state, one reload shows what may be done now.
(() => {
  const EVERY_MS = 1000;
  const page = document.getElementById("job");
  const field = (name) => page.querySelector(`[data-field="${name}"]`);
  const put = (name, text) => { field(name).textContent = text; };

  const duration = (seconds) => {
    if (seconds === null) return "–";
    const whole = Math.round(seconds), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    if (hours) return `${hours} h ${minutes} min`;
    return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
  };

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
    put("currentModel", progress.currentModel ?? "");
    put("currentTrack", progress.currentTrack ?? "");
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
    const active = ["planning", "running", "paused", "cancelling"].includes(job.state);
    if (before !== job.state || (!active && page.dataset.active === "true")) location.reload();
    else if (active) setTimeout(look, EVERY_MS);
  };

  look();
})();
