// The ways out of the page: the code, the card and the weights of the model, and how programs ask it.

/**
 * Show those that are known.
 * @param {HTMLElement} footer its links, by `data-way`
 * @param {Record<string, string | null>} addresses of some of them
 */
export function showWays(footer, addresses) {
  for (const [way, address] of Object.entries(addresses)) {
    const link = footer.querySelector(`[data-way=${way}]`);
    link.hidden = !address;
    if (address) link.href = address;
  }
}
