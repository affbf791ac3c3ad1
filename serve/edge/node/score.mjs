#!/usr/bin/env node
// Score JSON lines from stdin to stdout: {"text": "…"} in, {"label", "probability", "threshold", "truncated"} out.
//
//     echo '{"text": "The hose burst at 4.1 MPa."}' | node score.mjs ../model --precision int8
//
// A line that cannot be judged is answered with {"error": "…"}; the order is that of the input.

import { createInterface } from "node:readline";
import { InputFault, openScorer } from "./scorer.mjs";

const [directory, flag, precision, ...more] = process.argv.slice(2);
if (!directory || more.length || (flag && (flag !== "--precision" || !precision))) {
  console.error("usage: node score.mjs MODEL_DIRECTORY [--precision fp32|int8] < lines.jsonl");
  process.exit(2);
}
try {
  const scorer = await openScorer(directory, precision);
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (line.trim()) console.log(JSON.stringify(await answered(scorer, line)));
  }
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 6;
}

async function answered(scorer, line) {
  try {
    return await scorer.answer(JSON.parse(line).text);
  } catch (error) {
    if (error instanceof InputFault || error instanceof SyntaxError) return { error: error.message };
    throw error;
  }
}
