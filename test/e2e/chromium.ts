/** Debian's Chromium with no connection to anything but this machine; what it logs and asks for is written down. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export interface Opened {
  readonly page: Page;
  /** Errors of scripts and of the content security policy. */
  readonly complaints: readonly string[];
  /** Hosts other than the Worker's that the page asked for something. */
  readonly outside: readonly string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions,
): Promise<Opened> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const outside: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("request", (request) => {
    const asked = new URL(request.url());
    const own = asked.host === new URL(url).host || ["data:", "blob:"].includes(asked.protocol);
    if (!own) outside.push(asked.host);
  });
  await page.goto(url);
  return { page, complaints, outside };
}
