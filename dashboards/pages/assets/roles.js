// Dash draws radio buttons and check boxes as options of a "listbox", which screen readers announce wrongly.
// The buttons themselves are native and their fieldset names them: the box around them is only a group.
(function () {
  "use strict";

  function correct() {
    for (const box of document.querySelectorAll(".dash-options-list")) {
      if (!box.querySelector('input[type="radio"], input[type="checkbox"]')) {
        continue;
      }
      if (box.getAttribute("role") === "listbox") {
        box.setAttribute("role", "group");
        box.removeAttribute("aria-multiselectable");
      }
      for (const label of box.querySelectorAll('[role="option"], label[aria-selected]')) {
        label.removeAttribute("role");
        label.removeAttribute("aria-selected");
      }
    }
  }

  new MutationObserver(correct).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributeFilter: ["role", "aria-selected"],
  });
})();
