// The reader's screen: light or dark, wide or narrow. Read once, remembered, and told to the pages by one store.
(function () {
  "use strict";

  const KEY = "cosearch-theme";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 760px)");

  function remembered() {
    try {
      return window.localStorage.getItem(KEY);
    } catch (error) {
      return null; // storage is switched off: the choice then lasts as long as the page
    }
  }

  let chosen = remembered();

  function theme() {
    return chosen || (dark.matches ? "dark" : "light");
  }

  function apply() {
    document.documentElement.dataset.theme = theme();
  }

  function screen() {
    return { theme: theme(), is_narrow: narrow.matches };
  }

  function tell() {
    apply();
    window.dash_clientside.set_props("screen", { data: screen() });
  }

  apply();
  dark.addEventListener("change", tell);
  narrow.addEventListener("change", tell);

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    cosearch: {
      start: function () {
        return screen();
      },
      toggle: function (clicks) {
        if (clicks) {
          chosen = theme() === "dark" ? "light" : "dark";
          try {
            window.localStorage.setItem(KEY, chosen);
          } catch (error) {
            console.info("the theme is not remembered: storage is switched off");
          }
        }
        apply();
        return screen();
      },
      label: function (screen) {
        return screen && screen.theme === "dark" ? "Light theme" : "Dark theme";
      },
      title: function (title) {
        document.title = title || "cosearch";
        return window.dash_clientside.no_update;
      },
      openDialog: function (clicks) {
        const dialog = document.getElementById("export-dialog");
        if (clicks && dialog && !dialog.open) {
          dialog.showModal();
        }
        return window.dash_clientside.no_update;
      },
      closeDialog: function (clicks) {
        const dialog = document.getElementById("export-dialog");
        if (clicks && dialog) {
          dialog.close();
        }
        return window.dash_clientside.no_update;
      },
    },
  });
})();
