// A text as the tokenizers library of Python reads it.
//
// The two libraries run the same tokenizer.json, but their languages know different Unicode. Three rules make them agree
// on every character there is (tests/doors/test_node_reads_as_python.py tries all of them):
//
// 1. Σ becomes σ letter by letter; JavaScript writes ς where it ends a word.
// 2. A Chinese character beyond the first plane is a word of its own.
// 3. Marks and punctuation younger than Unicode 8 are letters nobody knows: YOUNG, one stand-in for all of them.
// 4. Four characters that Unicode has since moved between the classes are what they were: two stops, two accents.

import { readFileSync } from "node:fs";

const STAND_IN = "\ua000"; // a letter that no vocabulary of the BERT family holds
const YOUNG = JSON.parse(readFileSync(new URL("./young.json", import.meta.url), "utf8"));
const young = new RegExp(`[${YOUNG.map(([first, last]) => `\\u{${first}}-\\u{${last}}`).join("")}]`, "gu");
const rareChinese = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

const onceStop = /[\u{166d}\u{111c9}]/gu;
const onceAccent = /[\u{1734}\u{1171e}]/gu;

/** @param {string} text */
export function asRead(text) {
  return text
    .replaceAll("\u03a3", "\u03c3")
    .replace(rareChinese, " $& ")
    .replace(young, STAND_IN)
    .replace(onceStop, ` ${STAND_IN} `)
    .replace(onceAccent, "");
}
