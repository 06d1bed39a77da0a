/** The command line of `npm run eval`. */
import { describe, expect, it } from "vitest";
import { readOptions } from "../../../scripts/eval/options.ts";

describe("options", () => {
  it("takes several files after one --data, and the Node engine by default", () => {
    expect(readOptions(["--data", "a", "b", "--data", "c", "--k", "1,4"])).toMatchObject({
      data: ["a", "c", "b"],
      engine: "node",
      url: null,
      ks: [1, 4],
      split: "all",
      leaveOut: null,
    });
  });

  it("takes a file of questions to leave out", () => {
    const options = readOptions(["--data", "a", "--split", "test", "--leave-out", "seen.txt"]);
    expect(options).toMatchObject({ data: ["a"], split: "test", leaveOut: "seen.txt" });
  });

  it("takes --url for the worker engine", () => {
    expect(readOptions(["--data", "a", "--url", "https://x.example/"])).toMatchObject({
      engine: "worker",
      url: "https://x.example",
    });
  });

  it.each([
    [[], "--data is needed"],
    [["--data", "a", "--engine", "gpu"], "--engine is node or worker"],
    [["--data", "a", "--engine", "node", "--url", "http://x"], "--url goes with"],
    [["--data", "a", "--k", "1,x"], "--k takes whole numbers"],
    [["--data", "a", "--k", "0"], "--k takes whole numbers"],
    [["--data", "a", "--split", "dev"], "--split is one of"],
    [["--data", "a", "--nonsense"], "--nonsense"],
  ])("refuses %j", (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});
