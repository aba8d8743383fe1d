import { existsSync } from 'node:fs'
import { chromium, type BrowserContext } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'

/** Why there is no browser to test with, or undefined. */
export const noBrowser: string | undefined = existsSync(CHROMIUM)
  ? undefined
  : `${CHROMIUM} is missing: apt-get install chromium`

/** A browser of its own with a fresh profile in `directory`, that calls nobody by itself. */
export function openBrowser(directory: string, colorScheme: 'light' | 'dark'): Promise<BrowserContext> {
  return chromium.launchPersistentContext(directory, {
    executablePath: CHROMIUM,
    headless: true,
    colorScheme,
    viewport: { width: 1320, height: 900 },
    timezoneId: 'UTC',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
