import { signal } from '@preact/signals'

const query = matchMedia('(max-width: 700px)')
/** A phone: rows of tables are cards. */
export const isNarrow = signal(query.matches)
query.addEventListener('change', () => (isNarrow.value = query.matches))
