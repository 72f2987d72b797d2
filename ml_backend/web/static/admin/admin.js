// The admin page. The server writes all that is shown; here it is kept up to date, and buttons call the REST API.
// No text of a document is ever read as HTML here: what is said is set with textContent alone.
import { watch } from "./live.js";
import { listen } from "./actions.js";
import { tell } from "./times.js";

tell(document);
listen();
watch();
