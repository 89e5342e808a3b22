//! Pure functions from resources to what one proxy must do, with a status for every object.
