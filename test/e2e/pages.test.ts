/**
 * The playground and the API reference in Chromium: on a phone and on a desktop, dark and light, by keyboard, with
 * axe-core, and with nothing from any other host. Screenshots go to a folder when MEDADAPTER_SCREENSHOTS names one.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Service, startService } from "../clients/service.ts";
import { type Opened, openPage, startChromium } from "./chromium.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };
const desktop = { viewport: { width: 1280, height: 900 } };
let browser: Browser;
let service: Service;
let url: string;

beforeAll(async () => {
  service = await startService();
  url = service.url;
  browser = await startChromium();
});

afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

/** Ids of what axe finds serious or critical. */
async function faults(page: Page): Promise<string[]> {
  // Through the debugger: the page's own policy lets no foreign script in.
  await page.evaluate(axe);
  const found = await page.evaluate("axe.run()");
  return (found as AxeResult).violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

async function shot(page: Page, name: string): Promise<void> {
  const to = process.env.MEDADAPTER_SCREENSHOTS;
  if (to) await page.screenshot({ path: join(to, `${name}.png`), fullPage: true });
}

async function playground(options: Parameters<typeof openPage>[2]): Promise<Opened> {
  const opened = await openPage(browser, `${url}/`, options);
  await opened.page.waitForSelector("body[data-ready]");
  return opened;
}

const clean = ({ complaints, outside }: Opened) =>
  expect({ complaints, outside }).toEqual({ complaints: [], outside: [] });

describe("the playground", () => {
  for (const [name, options] of [
    ["phone, light", { ...phone, colorScheme: "light" }],
    ["phone, dark", { ...phone, colorScheme: "dark" }],
    ["desktop, light", { ...desktop, colorScheme: "light" }],
    ["desktop, dark", { ...desktop, colorScheme: "dark" }],
  ] as const) {
    it(`asks an example and shows what came of it: ${name}`, async () => {
      const opened = await playground(options);
      const { page } = opened;
      await page.selectOption("#ask-example", "pubmedqa-01");
      await page.click("#ask-go");
      await page.waitForSelector(".time");
      expect(await page.locator(".candidates li").count()).toBe(8);
      expect(await page.locator(".candidates meter").count()).toBe(8);
      expect(await page.locator(".answer").innerText()).toMatch(/^(yes|no|maybe)$/);
      expect(await page.locator("#result").innerText()).toContain("mini@");
      expect(await page.locator("#result").innerText()).toContain("after its last byte");
      expect(await page.locator("pre").first().innerText()).toContain(`curl -s ${url}/v1/answer`);
      expect(await faults(page)).toEqual([]);
      const wide = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      expect(wide).toBe(0);
      await shot(page, `ask ${name}`);
      clean(opened);
      await page.context().close();
    });
  }

  it("shows candidates as they arrive, and stops on demand", async () => {
    await service.replay.fail("hang-mid");
    const opened = await playground(desktop);
    const { page } = opened;
    await page.click("#ask-go");
    await page.waitForSelector(".candidates li");
    expect(await page.locator(".answer").count()).toBe(0);
    await page.click("#ask-stop");
    await page.getByText("Stopped.").waitFor();
    await service.replay.fail(null);
    clean(opened);
    await page.context().close();
  });

  it("says in the service's own words why there is no answer", async () => {
    const { page } = await playground(phone);
    await page.selectOption("#ask-example", "");
    await page.fill("#ask-question", "Is there a question that nobody has recorded?");
    await page.click("#ask-go");
    await page.waitForSelector("#status.bad");
    expect(await page.locator("#status").innerText()).toContain("LLM_BASE_URL");
    await shot(page, "ask refused phone");
    await page.context().close();
  });

  it("abstains where an error rate is asked for that cannot be promised", async () => {
    const { page } = await playground(phone);
    await page.click("#ask-more summary");
    await page.selectOption("#ask-abstain", "0.05");
    await page.click("#ask-go");
    await page.waitForSelector(".answer");
    expect(await page.locator(".answer").innerText()).toBe("No answer");
    expect(await page.locator("#result").innerText()).toContain("It abstains:");
    await page.context().close();
  });

  it("sends a context that the LLM must not see as evidence", async () => {
    const opened = await playground(phone);
    const { page } = opened;
    await page.selectOption("#ask-example", "pubmedqa-01");
    await page.click("#ask-more summary");
    await page.check("#ask-unseen");
    await page.click("#ask-go");
    await page.waitForSelector(".time");
    const call = await page.locator("pre").first().innerText();
    expect(call).toContain('"evidence":"BACKGROUND');
    expect(call).not.toContain('"context"');
    expect(await faults(page)).toEqual([]);
    await shot(page, "ask evidence phone");
    clean(opened);
    await page.context().close();
  });

  it("ranks texts that are there, by keyboard alone", async () => {
    const opened = await playground(phone);
    const { page } = opened;
    await page.focus("#tab-ask");
    await page.keyboard.press("ArrowRight");
    expect(await page.evaluate("document.activeElement?.id")).toBe("tab-rank");
    expect(await page.locator("#panel-ask").isVisible()).toBe(false);
    await page.focus("#rank-go");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".candidates li");
    expect(await page.locator(".candidates li").count()).toBe(8);
    const bars = await page
      .locator(".candidates meter")
      .evaluateAll((meters) =>
        meters.map((meter) => (meter as unknown as { value: number }).value),
      );
    expect(bars).toEqual([...bars].sort((x, y) => y - x));
    expect(await faults(page)).toEqual([]);
    await shot(page, "rank phone");
    clean(opened);
    await page.context().close();
  });

  it("treats what an LLM or a caller writes as text", async () => {
    const { page } = await playground(desktop);
    await page.click("#tab-rank");
    await page.fill("#rank-texts", '<img src=x onerror="document.title=1">\n---\n<b>yes</b>');
    await page.click("#rank-go");
    await page.waitForSelector(".candidates li");
    expect(await page.locator("#result img, #result b").count()).toBe(0);
    expect(await page.title()).toContain("playground");
    await page.context().close();
  });
});

describe("the API reference", () => {
  it("shows every route, from this Worker's own assets", async () => {
    const opened = await openPage(browser, `${url}/docs/`, desktop);
    const { page } = opened;
    await page.getByText("Score texts that someone else wrote").first().waitFor();
    await shot(page, "docs desktop");
    // Scalar asks whether it may evaluate code, is told no by the policy, and goes on without.
    const complaints = opened.complaints.filter((text) => !text.includes("script-src"));
    clean({ ...opened, complaints });
    await page.context().close();
  });
});
