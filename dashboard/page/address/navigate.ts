import { computed, signal } from '@preact/signals'
import {
  formatAddress,
  parseAddress,
  rangeOf,
  toView,
  withParams,
  type Address,
  type View,
} from './address.ts'

/** What is shown now. */
export const address = signal<Address>(parseAddress(location.hash))
export const range = computed(() => rangeOf(address.value))
/** '' for all. */
export const namespace = computed(() => address.value.params['ns'] ?? '')

addEventListener('hashchange', () => {
  address.value = parseAddress(location.hash)
})

/** The address of a view that keeps the namespace and range of time. */
export function linkTo(
  view: View,
  path: readonly string[] = [],
  own: Readonly<Record<string, string>> = {},
): string {
  return formatAddress(toView(address.value, view, path, own))
}

export function go(
  view: View,
  path: readonly string[] = [],
  own: Readonly<Record<string, string>> = {},
): void {
  location.hash = linkTo(view, path, own)
}

/** Sets parameters of the view that is shown, '' takes one away. `replace` leaves no step to go back to. */
export function setParams(changes: Readonly<Record<string, string>>, replace = false): void {
  const next = withParams(address.value, changes)
  if (replace) history.replaceState(null, '', formatAddress(next))
  else history.pushState(null, '', formatAddress(next))
  address.value = next
}

addEventListener('popstate', () => {
  address.value = parseAddress(location.hash)
})
