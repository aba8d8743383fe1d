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

let known: { readonly shade: number; readonly values: Map<string, string> } | undefined

/** Colours of style/colors.css by name as a canvas takes them, `color('bad')`; asked of the browser once for each palette. */
export function colors(): (name: string) => string {
  const shade = palette.peek()
  if (known?.shade !== shade) known = { shade, values: new Map() }
  const { values } = known
  return (name) => {
    const found = values.get(name)
    if (found !== undefined) return found
    const probe = document.createElement('span')
    probe.style.color = `var(--${name})`
    document.body.append(probe)
    const value = getComputedStyle(probe).color
    probe.remove()
    values.set(name, value)
    return value
  }
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
