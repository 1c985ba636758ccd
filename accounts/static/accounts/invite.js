// The token of an invite stands behind the # of its link, which browsers do not send. It goes into the form, and out of
// the address bar and the history.
"use strict";

const form = document.getElementById("look");
const token = location.hash.slice(1);

if (token) {
    history.replaceState(null, "", location.pathname);
}
if (form && token) {
    document.getElementById("token").value = token;
    form.requestSubmit();
}
