# tracker/: experiments on disk and what they tell. Knows no model, device or command line.
ft_room(tracker tracker ft_base)
