// From the root of a site to the page, with the settings that its address holds. Some servers give the root an
// address without a final slash.
{
  const last = location.pathname.split("/").pop();
  const folder = last === "" || last === "index" || /\.html?$/.test(last) ? "" : `${last}/`;
  location.replace(`${folder}web/index.html${location.search}${location.hash}`);
}
