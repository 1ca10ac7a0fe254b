// The house that `python -m tests.js` started.

const { ATRIUM_URL: url, ATRIUM_API_KEY: apiKey } = process.env;
if (!url || !apiKey) throw new Error("Start these tests with `make test-js`.");

export const house = { url, apiKey };
