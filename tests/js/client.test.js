// The JavaScript SDK's Client: threads, runs, streams, crons, store.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { cuttable } from "./cuttable.js";
import { house } from "./house.js";
import { SDKS } from "./sdks.js";

const said = (text) => ({ messages: [{ role: "user", content: text }] });

async function collected(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

for (const sdk of SDKS) {
  const { Client } = await import(sdk);
  const client = (url = house.url) => new Client({ apiUrl: url, apiKey: house.apiKey });

  test(`${sdk}: a thread remembers what was said on it`, async () => {
    const our = client();
    const { thread_id } = await our.threads.create({ metadata: { from: "js" } });
    const values = await our.runs.wait(thread_id, "echo", { input: said("lamp") });
    assert.equal(values.messages.at(-1).content, "You said: lamp");
    const state = await our.threads.getState(thread_id);
    assert.equal(state.values.asked, "lamp");
    const history = await our.threads.getHistory(thread_id);
    assert.deepEqual(history.map(({ metadata }) => metadata.step), [2, 1, 0, -1]);
    const [found] = await our.threads.search({ metadata: { from: "js" } });
    assert.equal(found.thread_id, thread_id);
    await our.threads.delete(thread_id);
    await assert.rejects(our.threads.get(thread_id), /404/);
  });

  test(`${sdk}: an answer is streamed`, async () => {
    const parts = await collected(
      client().runs.stream(null, "echo", { input: said("lamp"), streamMode: ["values", "messages-tuple", "custom"] }),
    );
    assert.equal(parts[0].event, "metadata");
    const pieces = parts.filter(({ event }) => event === "messages").map(({ data }) => data[0].content);
    assert.equal(pieces.join(""), "You said: lamp");
    assert.deepEqual(parts.find(({ event }) => event === "custom").data, { name: "noted", asked: "lamp" });
    assert.equal(parts.at(-1).data.messages.length, 2);
  });

  test(`${sdk}: a run is joined, and told from its first event`, async () => {
    const our = client();
    const { thread_id } = await our.threads.create();
    const { run_id } = await our.runs.create(thread_id, "nested", { input: { text: "lamp" }, streamResumable: true });
    assert.deepEqual(await our.runs.join(thread_id, run_id), { text: "LAMP!" });
    const parts = await collected(our.runs.joinStream(thread_id, run_id, { lastEventId: "-1" }));
    assert.deepEqual(
      parts.filter(({ event }) => event === "values").map(({ data }) => data.text),
      ["lamp", "LAMP", "LAMP!"],
    );
  });

  test(`${sdk}: an interrupt is answered`, async () => {
    const our = client();
    const { thread_id } = await our.threads.create();
    const asked = await our.runs.wait(thread_id, "approval", { input: { item: "lamp" } });
    assert.deepEqual(asked.__interrupt__[0].value, { question: "Buy lamp?" });
    const told = await our.runs.wait(thread_id, "approval", { command: { resume: "yes" } });
    assert.equal(told.outcome, "lamp: yes");
  });

  test(`${sdk}: a run is cancelled`, async () => {
    const our = client();
    const { thread_id } = await our.threads.create();
    const { run_id } = await our.runs.create(thread_id, "gated", { input: { gate: "never" } });
    await our.runs.cancel(thread_id, run_id, true);
    assert.equal((await our.runs.get(thread_id, run_id)).status, "interrupted");
  });

  test(`${sdk}: a stream that was cut goes on without gap or repetition`, async () => {
    const network = await cuttable(house.url);
    const [near, far] = [client(), client(network.url)];
    const { thread_id } = await near.threads.create();
    const gate = randomUUID();
    const options = { input: { gate }, streamMode: ["custom"], streamResumable: true };
    const told = [];
    for await (const { event, data } of far.runs.stream(thread_id, "gated", options)) {
      if (event !== "custom") continue;
      told.push(data);
      if (data.waiting) {
        network.cut();
        await near.store.putItem(["gates"], gate, {});
      }
    }
    assert.deepEqual(told, [{ waiting: gate }, ...Array.from({ length: 10 }, (_, passing) => ({ passing }))]);
  });

  test(`${sdk}: crons and assistants are listed`, async () => {
    const our = client();
    const [echo] = await our.assistants.search({ graphId: "echo" });
    const { cron_id } = await our.crons.create(echo.assistant_id, { schedule: "0 0 1 1 *", input: said("hello") });
    assert.deepEqual((await our.crons.search()).map((cron) => cron.cron_id), [cron_id]);
    await our.crons.delete(cron_id);
    assert.deepEqual(await our.crons.search(), []);
  });

  test(`${sdk}: the store keeps, finds and forgets`, async () => {
    const { store } = client();
    await store.putItem(["js", "notes"], "one", { text: "a lamp" });
    assert.deepEqual((await store.getItem(["js", "notes"], "one")).value, { text: "a lamp" });
    assert.equal((await store.searchItems(["js"])).items.length, 1);
    assert.deepEqual((await store.listNamespaces({ prefix: ["js"] })).namespaces, [["js", "notes"]]);
    await store.deleteItem(["js", "notes"], "one");
    assert.equal((await store.searchItems(["js"])).items.length, 0);
  });
}
