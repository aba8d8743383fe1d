import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { openBrowser } from './browser.ts'
import { serveMockMesh, type MockState } from './mock/mock-mesh.ts'

/**
 * A browser before a mock of the mesh. `problems` are errors of the page and breaches of its content security policy; what the
 * browser itself says of answers that are none is left out.
 */
export async function pageFixture(t: Test, state: MockState = {}, scheme: 'light' | 'dark' = 'light') {
  const mesh = await serveMockMesh(state)
  t.teardown(() => mesh.close())
  const browser = await openBrowser(t.testdir({}), scheme)
  t.teardown(() => browser.close())
  const problems: string[] = []
  const open = async (path: string): Promise<Page> => {
    const page = await browser.newPage()
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        problems.push(message.text())
    })
    await page.goto(mesh.url + path)
    return page
  }
  return { mesh, open, problems }
}

/** Waits until a condition of the test's own holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** Once what has changed is drawn. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
}

/** How often the map was drawn. */
export async function frames(page: Page): Promise<number> {
  return Number(await page.locator('.map canvas[role=application]').getAttribute('data-frames'))
}
