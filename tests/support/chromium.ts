/**
 * A page as a browser shows it: Debian's Chromium, without a window.
 */
import { accessSync, constants } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const program = '/usr/bin/chromium'

/** Why there is no Chromium here, in the form that `context.skip` and POSTSTACK_REQUIRE take, or nothing. */
export function chromiumMissing(): string | undefined {
  try {
    accessSync(program, constants.X_OK)
    return undefined
  } catch {
    return 'chromium: it is not installed (tests/support/prepare-engines.sh does it)'
  }
}

export async function openChromium(): Promise<Browser> {
  const quiet = ['quic', 'background-networking', 'component-update', 'sync'].map((name) => `--disable-${name}`)
  // Root needs the first one. Nothing that it opens comes from elsewhere.
  const args = ['--no-sandbox', '--headless', '--disable-gpu', '--no-first-run', ...quiet]
  return await chromium.launch({ executablePath: program, args })
}
