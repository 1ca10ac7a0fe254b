// `useStream` of the SDK itself: the older generation of the protocol in a React page.

import "./page.js";

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { renderHook, waitFor } from "@testing-library/react";

import { house } from "./house.js";
import { SDKS } from "./sdks.js";

const SHOWN = ["values", "messages", "interrupt", "isLoading", "client", "submit"];
const PATIENT = { timeout: 30_000 };
const human = (text) => ({ messages: [{ type: "human", content: text }] });

for (const sdk of SDKS) {
  const { useStream } = await import(`${sdk}/react`);

  /** What a page does: it reads, while it renders, what it wants to be told of. */
  function mounted(assistantId, options = {}) {
    const { result, unmount } = renderHook(() => {
      const stream = useStream({ apiUrl: house.url, apiKey: house.apiKey, assistantId, ...options });
      return Object.fromEntries(SHOWN.map((name) => [name, stream[name]]));
    });
    return { page: () => result.current, unmount };
  }

  test(`${sdk}: an answer arrives`, async () => {
    const { page, unmount } = mounted("echo");
    await page().submit(human("one two three"));
    await waitFor(() => assert.equal(page().messages.at(-1)?.content, "You said: one two three"), PATIENT);
    await waitFor(() => assert.equal(page().isLoading, false), PATIENT);
    assert.equal(page().messages.length, 2);
    unmount();
  });

  test(`${sdk}: an interrupt is shown, and its answer goes on`, async () => {
    const { page, unmount } = mounted("approval");
    await page().submit({ item: "lamp" });
    await waitFor(() => assert.deepEqual(page().interrupt?.value, { question: "Buy lamp?" }), PATIENT);
    await page().submit(undefined, { command: { resume: "yes" } });
    await waitFor(() => assert.equal(page().values.outcome, "lamp: yes"), PATIENT);
    unmount();
  });

  test(`${sdk}: a page that is opened again finds the run it had left`, async () => {
    const options = { reconnectOnMount: () => window.sessionStorage };
    const gate = randomUUID();
    let threadId;
    const first = mounted("gated", { ...options, onThreadId: (id) => (threadId = id) });
    void first.page().submit({ gate }, { streamResumable: true, onDisconnect: "continue" });
    await waitFor(() => assert.deepEqual(first.page().values.steps, [`${gate} arrived`]), PATIENT);
    first.unmount();
    const second = mounted("gated", { ...options, threadId });
    await waitFor(() => assert.equal(second.page().isLoading, true), PATIENT);
    await second.page().client.store.putItem(["gates"], gate, {});
    await waitFor(() => assert.deepEqual(second.page().values.steps, [`${gate} arrived`, `${gate} passed`]), PATIENT);
    await waitFor(() => assert.equal(second.page().isLoading, false), PATIENT);
    second.unmount();
  });
}
