// From the root of a site to the page, with the settings that its address holds.
location.replace(`web/index.html${location.search}`);
