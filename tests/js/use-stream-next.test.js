// `useStream` of @langchain/react: the newer, thread-centric generation of the protocol in a React page.

import "./page.js";

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { useStream } from "@langchain/react";
import { renderHook, waitFor } from "@testing-library/react";
import { Client } from "langgraph-sdk-1";

import { cuttable } from "./cuttable.js";
import { house } from "./house.js";

const SHOWN = ["values", "messages", "toolCalls", "interrupt", "isLoading", "client", "submit", "respond"];
const PATIENT = { timeout: 30_000 };
const human = (text) => ({ messages: [{ type: "human", content: text }] });

/** What a page does: it reads, while it renders, what it wants to be told of. */
function mounted(assistantId, options = {}) {
  const { result, unmount } = renderHook(() => {
    const stream = useStream({ apiUrl: house.url, apiKey: house.apiKey, assistantId, ...options });
    return Object.fromEntries(SHOWN.map((name) => [name, stream[name]]));
  });
  return { page: () => result.current, unmount };
}

async function answered(page) {
  await waitFor(() => assert.equal(page().messages.at(-1)?.text, "You said: one two three"), PATIENT);
  await waitFor(() => assert.equal(page().isLoading, false), PATIENT);
  assert.equal(page().messages.length, 2);
}

test("an answer arrives", async () => {
  const { page, unmount } = mounted("echo");
  await page().submit(human("one two three"));
  await answered(page);
  unmount();
});

test("an answer arrives over a WebSocket, which is told who asks as a subprotocol", async () => {
  const authorized = (url, { headers, ...init } = {}) =>
    fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(headers)), "x-api-key": house.apiKey } });
  const { page, unmount } = mounted("echo", {
    client: new Client({ apiUrl: house.url, apiKey: null, callerOptions: { fetch: authorized } }),
    transport: "websocket",
    webSocketFactory: (url) => new window.WebSocket(url, ["bearer", house.apiKey]),
  });
  await page().submit(human("one two three"));
  await answered(page);
  unmount();
});

test("an interrupt is shown, and its answer goes on", async () => {
  const { page, unmount } = mounted("approval");
  await page().submit({ item: "lamp" });
  await waitFor(() => assert.deepEqual(page().interrupt?.value, { question: "Buy lamp?" }), PATIENT);
  await page().respond("yes");
  await waitFor(() => assert.equal(page().values.outcome, "lamp: yes"), PATIENT);
  await waitFor(() => assert.equal(page().interrupt, undefined), PATIENT);
  unmount();
});

test("a tool call is shown with its result", async () => {
  const { page, unmount } = mounted("toolbox");
  await page().submit(human("Oslo"));
  await waitFor(() => assert.equal(page().messages.at(-1)?.text, "It is sunny in Oslo."), PATIENT);
  const [call] = page().toolCalls;
  assert.deepEqual([call.name, call.input], ["weather", { city: "Oslo" }]);
  unmount();
});

test("a run whose connection was cut is followed to its end", async () => {
  const network = await cuttable(house.url);
  const [near, gate] = [mounted("echo"), randomUUID()];
  const { page, unmount } = mounted("gated", { apiUrl: network.url });
  void page().submit({ gate });
  await waitFor(() => assert.deepEqual(page().values.steps, [`${gate} arrived`]), PATIENT);
  network.cut();
  await near.page().client.store.putItem(["gates"], gate, {});
  await waitFor(() => assert.deepEqual(page().values.steps, [`${gate} arrived`, `${gate} passed`]), PATIENT);
  await waitFor(() => assert.equal(page().isLoading, false), PATIENT);
  unmount();
  near.unmount();
});

test("a page that is opened again finds the run it had left", async () => {
  const gate = randomUUID();
  let threadId;
  const first = mounted("gated", { onThreadId: (id) => (threadId = id) });
  void first.page().submit({ gate });
  await waitFor(() => assert.deepEqual(first.page().values.steps, [`${gate} arrived`]), PATIENT);
  first.unmount();
  const second = mounted("gated", { threadId });
  await waitFor(() => assert.equal(second.page().isLoading, true), PATIENT);
  await second.page().client.store.putItem(["gates"], gate, {});
  await waitFor(() => assert.deepEqual(second.page().values.steps, [`${gate} arrived`, `${gate} passed`]), PATIENT);
  second.unmount();
});
