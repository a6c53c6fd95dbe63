"use strict";
// Shows the report of an examination when there is one, but takes no reason away from whoever is writing it.
(() => {
  const EVERY_MS = 3000;
  const look = () => {
    if (document.querySelector(".force[open]")) setTimeout(look, EVERY_MS);
    else location.reload();
  };
  setTimeout(look, EVERY_MS);
})();
