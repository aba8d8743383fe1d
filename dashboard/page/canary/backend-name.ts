/** `catalog-v1:8080` in `shop` as `catalog-v1.shop`. */
export function serviceOf(backend: string, home: string): string {
  return `${backend.replace(/:\d+$/, '')}.${home}`
}
