#!/usr/bin/env bash
# Chromium (Debian's package, driven by puppeteer-core 24.10.0) restores a page that was sent with "Cache-Control: no-store" from its
# back/forward cache: pressing Back shows the page as it was left, without asking the server, and pageshow says persisted. no-store keeps a response
# out of the HTTP cache (RFC 9111 §5.2.2.5) and not out of this one, unless a cookie of the page changes meanwhile.
#
# It matters on computers that several people use: hide what a page shows when it is left (pagehide), and load it anew when it comes back.
#
# Prints whether the page was restored and how often the server was asked for it, and fails when the browser asks the server again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
browser=$(command -v chromium)
npm init -y >log 2>&1
npm install --no-audit --no-fund puppeteer-core@24.10.0 >>log 2>&1
cat >run.js <<'JS'
const http = require("http");
const puppeteer = require("puppeteer-core");

const asked = { "/private": 0, "/public": 0 };
const server = http.createServer((request, response) => {
	if (!(request.url in asked)) {
		response.writeHead(404).end();
		return;
	}
	asked[request.url]++;
	response.writeHead(200, { "Content-Type": "text/html", "Cache-Control": "no-store" });
	response.end("<!doctype html><title>" + request.url + "</title><p>" + request.url + "</p>" +
		"<script>addEventListener('pageshow', (e) => { window.persisted = e.persisted; });</script>");
});

server.listen(0, "127.0.0.1", async () => {
	const base = "http://127.0.0.1:" + server.address().port;
	const browser = await puppeteer.launch({
		executablePath: process.argv[2],
		userDataDir: "profile",
		ignoreDefaultArgs: true,
		args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
			"--disable-sync", "--remote-debugging-port=0", "--user-data-dir=profile", "about:blank"],
	});
	const page = await browser.newPage();
	await page.goto(base + "/private");
	await page.goto(base + "/public");
	await page.evaluate(() => history.back());
	await page.waitForFunction(() => location.pathname === "/private" && window.persisted !== undefined);
	const restored = await page.evaluate(() => window.persisted);
	console.log(await browser.version() + ": restored from memory: " + restored + ", asked of the server " + asked["/private"] + " time(s)");
	await browser.close();
	server.close();
	process.exit(restored && asked["/private"] === 1 ? 0 : 1);
});
JS
timeout 60 node run.js "$browser"
