import { expect, it } from "vitest";
import { listOf, textOf, writeText } from "@/keys/search";

it("writes addresses that people can read", () => expect(writeText({ state: "FAILED,CRASHED", q: "", all: undefined })).toBe("?state=FAILED,CRASHED"));
it("reads what it wrote", () => expect(textOf(writeText({ q: "a b&c=d", flow: "x" }))).toEqual({ q: "a b&c=d", flow: "x" }));
it("takes lists apart", () => expect(listOf("a,,b")).toEqual(["a", "b"]));
