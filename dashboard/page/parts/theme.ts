import { signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'
const THEMES: readonly Theme[] = ['system', 'light', 'dark']
const KEY = 'weft-theme'

export const theme = signal<Theme>(THEMES.find((one) => one === stored()) ?? 'system')
/** Grows whenever colours are others: what is drawn on a canvas is drawn anew. */
export const palette = signal(0)

theme.subscribe((value) => {
  if (value === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = value
  store(value)
  palette.value = palette.peek() + 1
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (palette.value += 1))

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system'
}

/** Colours of style.css by name as a canvas takes them: `color('bad')`. */
export function colors(): (name: string) => string {
  const probe = document.createElement('span')
  document.body.append(probe)
  const style = getComputedStyle(probe)
  const known = new Map<string, string>()
  const read = (name: string): string => {
    const found = known.get(name)
    if (found !== undefined) return found
    if (!probe.isConnected) document.body.append(probe)
    probe.style.color = `var(--${name})`
    const value = style.color
    known.set(name, value)
    probe.remove()
    return value
  }
  probe.remove()
  return read
}

// Where the browser keeps nothing for the page, the choice lasts as long as the page.
function stored(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

function store(value: Theme): void {
  try {
    if (value === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, value)
  } catch {
    return
  }
}
