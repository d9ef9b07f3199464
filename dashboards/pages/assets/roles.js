// Dash draws radio buttons and check boxes inside a "listbox" without options, which screen readers announce wrongly.
// The buttons themselves are native and their fieldset names them: the box around them is only a group.
(function () {
  "use strict";

  function correct() {
    for (const box of document.querySelectorAll('.dash-options-list[role="listbox"]')) {
      if (box.querySelector('input[type="radio"], input[type="checkbox"]')) {
        box.setAttribute("role", "group");
        box.removeAttribute("aria-multiselectable");
      }
    }
  }

  new MutationObserver(correct).observe(document.documentElement, { childList: true, subtree: true });
})();
