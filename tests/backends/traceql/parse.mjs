// Parses queries of TraceQL: a JSON list of them on standard input, a line of JSON for each on
// standard output: the list of its nodes in the order of the text, each [name, text]. A node named
// "⚠" is an error.
import { readFileSync } from "node:fs";
import { parser } from "@grafana/lezer-traceql";

for (const query of JSON.parse(readFileSync(0, "utf8"))) {
  const nodes = [];
  parser.parse(query).iterate({
    enter: (node) => void nodes.push([node.name, query.slice(node.from, node.to)]),
  });
  console.log(JSON.stringify(nodes));
}
