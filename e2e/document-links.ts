import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * What is wrong with the links of a Markdown file: relative ones that lead to no file, and fragments that are no heading of
 * the page that they lead to. Code is no Markdown, and other sites are not asked.
 */
export function brokenLinks(file: string): string[] {
  const text = withoutCode(readFileSync(file, 'utf8'))
  const links = [...text.matchAll(/\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(([, link = '']) => link)
  const references = [...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map(([, link = '']) => link)
  return [...links, ...references].flatMap((link) => {
    if (/^[a-z][a-z\d+.-]*:/i.test(link)) return []
    const [path = '', fragment] = link.split('#')
    const target = path === '' ? file : join(dirname(file), decodeURIComponent(path))
    if (!existsSync(target)) return [`${link}: there is no such file`]
    if (fragment === undefined || !target.endsWith('.md')) return []
    return anchorsOf(readFileSync(target, 'utf8')).has(fragment) ? [] : [`${link}: there is no such heading`]
  })
}

/** Names of a page's headings, as a forge makes them: letters in lower case, dashes for spaces, numbers for what is there again. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  const seen = new Map<string, number>()
  for (const [, title = ''] of withoutFences(page).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const name = title
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-')
    const count = seen.get(name) ?? 0
    seen.set(name, count + 1)
    anchors.add(count === 0 ? name : `${name}-${count}`)
  }
  return anchors
}

function withoutFences(text: string): string {
  return text.replaceAll(/^( *)(```|~~~)[\s\S]*?^\1\2/gm, '')
}

function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/(`+)[^`][\s\S]*?\1/g, '')
}
