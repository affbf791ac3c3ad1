// Texts in, verdicts out, without Python: the same ONNX file and the same tokenizer.json as every other door.
//
//     const scorer = await openScorer("model", "int8");
//     await scorer.answer("The hose burst at 4.1 MPa.")      // { label, probability, threshold, truncated }
//
// A text that cannot be judged throws an InputFault, for the reasons the Python scorer has. One text at a time, because
// a verdict never depends on who else is in the batch. Word shares are not given here: the library tells no offsets.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import ort from "onnxruntime-node";
import { asRead } from "./asread.mjs";

const MODEL_FILES = { fp32: "model.onnx", int8: "model.int8.onnx" };
// What Python's str.isspace calls white space; JavaScript's \s has U+FEFF besides and lacks U+001C to U+001F and U+0085.
const ONLY_SPACE = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/u;

/** A question that cannot be answered; nothing is wrong with the model. */
export class InputFault extends Error {}

/**
 * Open a model directory: scorer.json, tokenizer.json and the ONNX file of the precision.
 * @param {string} directory
 * @param {"fp32" | "int8"} [precision] default is what scorer.json says
 * @param {number} [threads] cores one answer may use
 */
export async function openScorer(directory, precision, threads = 1) {
  const facts = await json(directory, "scorer.json");
  if (facts.schema !== 1) throw new Error(`${directory}/scorer.json has schema ${facts.schema}; legal: 1`);
  const named = precision ?? facts.precision;
  const file = MODEL_FILES[named];
  if (!file) throw new Error(`no precision ${named}; legal: ${Object.keys(MODEL_FILES).join(", ")}`);
  const described = await json(directory, "tokenizer.json");
  const tokenizer = new Tokenizer(described, {});
  const special = new Set(described.added_tokens.filter((token) => token.special).map((token) => token.id));
  const session = await ort.InferenceSession.create(join(directory, file), {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    enableMemPattern: false, // shapes differ from call to call
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  const threshold = facts.threshold;

  async function answer(text) {
    const { ids, truncated } = read(text);
    const tensor = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
    const feeds = { input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)) };
    const probability = (await session.run(feeds, ["probability"])).probability.data[0];
    if (!Number.isFinite(probability)) throw new Error("the model answered with NaN or infinity");
    return { label: facts.labels[Number(probability >= threshold)], probability, threshold, truncated };
  }

  function read(text) {
    if (typeof text !== "string") throw new InputFault(`${JSON.stringify(text)} is no text, it is ${typeof text}`);
    if (ONLY_SPACE.test(text)) throw new InputFault(`${JSON.stringify(text)} is empty`);
    if (!text.isWellFormed()) throw new InputFault("not valid Unicode (half of a surrogate pair)");
    const ids = tokenizer.encode(asRead(text)).ids;
    const most = facts.max_tokens;
    const truncated = ids.length > most;
    // The library does not cut: keep the beginning and the mark at the end, as the Python tokeniser does.
    const kept = truncated ? [...ids.slice(0, most - 1), ids.at(-1)] : ids;
    if (kept.every((id, place) => special.has(id) && (place === 0 || place === kept.length - 1))) {
      throw new InputFault(`${JSON.stringify(text.slice(0, 40))} has nothing the tokeniser reads`);
    }
    return { ids: kept, truncated };
  }

  return { answer, labels: facts.labels, threshold, precision: named, maxTokens: facts.max_tokens };
}

async function json(directory, name) {
  return JSON.parse(await readFile(join(directory, name), "utf8"));
}
